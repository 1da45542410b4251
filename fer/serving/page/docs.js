// Shows /openapi.json as text and tables, without loading Swagger UI from another host.

const element = (name, text, ...children) => {
  const node = document.createElement(name);
  node.textContent = text;
  node.append(...children);
  return node;
};

const predict = new URL("v1/predict", location.href).href; // below the path of a proxy

document.getElementById("examples").textContent = [
  `curl -F file=@photo.jpg ${predict}`,
  `curl -F file=@a.jpg -F file=@b.png '${predict}?crops=true'`,
  `curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' ${predict}`,
  `echo "{\\"image\\": \\"$(base64 photo.jpg | tr -d '\\n')\\"}" | curl -d @- -H 'Content-Type: application/json' ${predict}`,
].join("\n");

function table(head, rows) {
  const cells = (kind, row) => element("tr", "", ...row.map((text) => element(kind, text)));
  return element("table", "", element("thead", "", cells("th", head)), element("tbody", "", ...rows.map((row) => cells("td", row))));
}

const kind = (schema) =>
  schema.$ref?.split("/").at(-1) ?? (schema.items ? `list of ${kind(schema.items)}` : schema.anyOf?.map(kind).join(" or ") ?? schema.type ?? "");

function operation(path, method, about) {
  const parts = [element("h2", `${method.toUpperCase()} ${path}`), element("p", about.description ?? about.summary)];
  const body = Object.keys(about.requestBody?.content ?? {});
  if (body.length) parts.push(element("p", `Body: ${body.join(", ")}`));
  if (about.parameters) {
    parts.push(table(["parameter", "type", "default"], about.parameters.map((parameter) => [parameter.name, kind(parameter.schema), String(parameter.schema.default ?? "")])));
  }
  const answers = Object.entries(about.responses).map(([status, answer]) => {
    const schema = answer.content?.["application/json"]?.schema;
    return [status, answer.description, schema ? kind(schema) : ""];
  });
  return [...parts, table(["status", "when", "JSON"], answers)];
}

function shape(name, schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([key, field]) => [key, kind(field), field.description ?? ""]);
  return [element("h2", name), table(["field", "type", "meaning"], rows)];
}

const paths = document.getElementById("paths");
fetch("openapi.json")
  .then((response) => (response.ok ? response.json() : Promise.reject(new Error(`the server answered ${response.status}`))))
  .then((api) => {
    const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, about]) => operation(path, method, about)));
    const shapes = Object.entries(api.components?.schemas ?? {}).flatMap(([name, schema]) =>
      schema.properties?.loc ? [] : shape(name, schema));
    paths.replaceChildren(...operations, ...shapes);
  })
  .catch((error) => paths.replaceChildren(element("p", `/openapi.json cannot be loaded: ${error.message}`)));
