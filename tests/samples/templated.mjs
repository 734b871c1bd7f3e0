// The vendor's samples: delete a single upload, or several.
const { HOST, KEY, IDS } = process.env;
const uploadIds = IDS.split(',');

if (uploadIds.length === 1) {
  const UPLOAD_ID_1 = uploadIds[0];
  await fetch(`${HOST}/v1/uploads?ids=${UPLOAD_ID_1}`, {
    method: 'DELETE',
    headers: { 'Authorization': `Bearer ${KEY}` }
  })
    .then(response => response.json())
    .then(data => console.log('Response:', JSON.stringify(data)))
    .catch(error => console.error('Error:', error));
} else {
  const params = uploadIds.map(id => `ids=${id}`).join('&');
  await fetch(`${HOST}/v1/uploads?${params}`, {
    method: 'DELETE',
    headers: { 'Authorization': `Bearer ${KEY}` }
  })
    .then(response => response.json())
    .then(data => console.log('Response:', JSON.stringify(data)))
    .catch(error => console.error('Error:', error));
}
