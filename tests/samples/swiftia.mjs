// The vendor's samples: delete one file, several, those with a tag, old ones.
const { HOST, KEY, SAMPLE, FILES, TAG, DAYS } = process.env;

async function deleteFile(apiKey, fileId) {
  const response = await fetch(
    `${HOST}/api/uploads/files/${fileId}`,
    {
      method: 'DELETE',
      headers: {
        'Authorization': `Bearer ${apiKey}`
      }
    }
  );

  const result = await response.json();

  if (result.deleted) {
    console.log(`File ${fileId} deleted successfully`);
    return true;
  } else {
    console.error(`Failed to delete file: ${result.error}`);
    return false;
  }
}

async function deleteMultipleFiles(apiKey, fileIds) {
  const results = await Promise.all(
    fileIds.map(fileId => deleteFile(apiKey, fileId))
  );

  const successCount = results.filter(r => r === true).length;
  console.log(`Deleted ${successCount} out of ${fileIds.length} files`);

  return results;
}

async function deleteFilesByTag(apiKey, tag) {
  const response = await fetch(
    `${HOST}/api/uploads/files?tags=${tag}`,
    {
      headers: {
        'Authorization': `Bearer ${apiKey}`
      }
    }
  );

  const data = await response.json();
  const fileIds = data.files.map(file => file.id);
  return await deleteMultipleFiles(apiKey, fileIds);
}

async function cleanupOldFiles(apiKey, daysOld = 30) {
  const cutoffDate = new Date();
  cutoffDate.setDate(cutoffDate.getDate() - daysOld);

  const response = await fetch(
    `${HOST}/api/uploads/files?limit=100`,
    {
      headers: {
        'Authorization': `Bearer ${apiKey}`
      }
    }
  );

  const data = await response.json();
  const oldFiles = data.files.filter(file => {
    const fileDate = new Date(file.createdAt);
    return fileDate < cutoffDate;
  });
  const fileIds = oldFiles.map(file => file.id);
  return await deleteMultipleFiles(apiKey, fileIds);
}

switch (SAMPLE) {
  case 'one': await deleteFile(KEY, FILES); break;
  case 'multiple': await deleteMultipleFiles(KEY, FILES.split(',')); break;
  case 'tag': await deleteFilesByTag(KEY, TAG); break;
  case 'old': await cleanupOldFiles(KEY, Number(DAYS)); break;
  default: throw new Error(`no sample ${SAMPLE}`);
}
