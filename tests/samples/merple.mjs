// The vendor's sample: delete a file or a folder.
const { HOST: SHARD_NODE_URL, KEY: API_KEY, FSO } = process.env;

async function deleteFile(pathOnShard) {
  const url = `${SHARD_NODE_URL}/fso?path=${encodeURIComponent(pathOnShard)}`;
  const res = await fetch(url, {
    method: 'DELETE',
    headers: {
      'x-user-api-key': API_KEY
    }
  });
  if (res.status !== 200) {
    const body = await res.text();
    throw new Error(`Delete failed with status ${res.status}: ${body}`);
  }
}

await deleteFile(FSO).then(
  () => console.log('deleted'),
  error => console.log(error.message)
);
