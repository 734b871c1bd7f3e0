// Runs the script of the page of documents as a browser would, with just enough of a page for it,
// and looks whether every call of every document is shown.

const base = process.argv[2];
const html = await (await fetch(base + "/docs")).text();
const script = html.split("<script>")[1].split("</script>")[0];

class Element {
  constructor(name) {
    this.name = name;
    this.attributes = {};
    this.children = [];
  }
  setAttribute(key, value) {
    this.attributes[key] = value;
  }
  append(...children) {
    for (const child of children) {
      if (typeof child !== "string" && !(child instanceof Element)) throw new Error(`${child} in ${this.name}`);
      this.children.push(child);
    }
  }
  replaceChildren(...children) {
    this.children.length = 0;
    this.append(...children);
  }
  get textContent() {
    return this.children.map((child) => (typeof child === "string" ? child : child.textContent)).join("");
  }
}

const places = Object.fromEntries(["main", "calls", "filter", "documents"].map((id) => [id, new Element(id)]));
const page = {
  createElement: (name) => new Element(name),
  getElementById: (id) => places[id],
};
const asked = [];
const get = async (address) => {
  asked.push(address);
  return fetch(base + address);
};
const run = new Function("document", "location", "history", "fetch", script.replace("open(0);", "") + "\nreturn { open, DOCUMENTS };");
const { open, DOCUMENTS } = run(page, { hash: "", pathname: "/docs" }, { replaceState() {} }, get);

for (const [index, [name, address]] of DOCUMENTS.entries()) {
  await open(index);
  const { paths } = await (await fetch(base + address)).json();
  const sections = new Set(places.main.children.map((child) => child.attributes?.id));
  for (const [path, item] of Object.entries(paths)) {
    for (const method of Object.keys(item)) {
      const call = `${method.toUpperCase()} ${path}`;
      if (!sections.has(call)) throw new Error(`${name} does not show ${call}: ${places.main.textContent.slice(0, 200)}`);
    }
  }
  if (places.main.textContent.includes("undefined")) throw new Error(`${name} shows something that is not there`);
}
if (asked.some((address) => !address.startsWith("/"))) throw new Error(`asked elsewhere: ${asked}`);
console.log(`${asked.length} documents`);
