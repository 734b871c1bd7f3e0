// The vendor's sample: delete the outputs of a command.
const { HOST, KEY, COMMAND } = process.env;
const commandId = COMMAND;

const response = await fetch(
  `${HOST}/api/v1/commands/${commandId}/files`,
  {
    method: "DELETE",
    headers: {
      "X-API-KEY": KEY,
    },
  },
);

const { deleted, files_deleted } = await response.json();
console.log(`Deleted: ${deleted}, Files removed: ${files_deleted}`);
