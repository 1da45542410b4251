// Shows /openapi.json as plain text and tables; Swagger UI would come from elsewhere.

const made = (name, text, ...children) => {
  const element = document.createElement(name);
  element.textContent = text;
  element.append(...children);
  return element;
};

document.getElementById("examples").textContent = [
  `curl -F file=@photo.jpg ${location.origin}/v1/predict`,
  `curl -F file=@a.jpg -F file=@b.png ${location.origin}/v1/predict?crops=true`,
  `curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' ${location.origin}/v1/predict`,
  `echo "{\\"image\\": \\"$(base64 -w0 photo.jpg)\\"}" | curl -d @- -H 'Content-Type: application/json' ${location.origin}/v1/predict`,
].join("\n");

function table(head, rows) {
  const cells = (kind, row) => made("tr", "", ...row.map((text) => made(kind, text)));
  return made("table", "", made("thead", "", cells("th", head)), made("tbody", "", ...rows.map((row) => cells("td", row))));
}

const kind = (schema) =>
  schema.$ref?.split("/").at(-1) ?? (schema.items ? `list of ${kind(schema.items)}` : schema.anyOf?.map(kind).join(" or ") ?? schema.type ?? "");

function operation(path, method, about) {
  const parts = [made("h2", `${method.toUpperCase()} ${path}`), made("p", about.description ?? about.summary)];
  const body = Object.keys(about.requestBody?.content ?? {});
  if (body.length) parts.push(made("p", `Body: ${body.join(", ")}`));
  if (about.parameters) {
    parts.push(table(["parameter", "type", "default"], about.parameters.map((one) => [one.name, kind(one.schema), String(one.schema.default ?? "")])));
  }
  const answers = Object.entries(about.responses).map(([status, one]) => {
    const schema = one.content?.["application/json"]?.schema;
    return [status, one.description, schema ? kind(schema) : ""];
  });
  return [...parts, table(["status", "when", "JSON"], answers)];
}

function shape(name, schema) {
  const rows = Object.entries(schema.properties ?? {}).map(([key, one]) => [key, kind(one), one.description ?? ""]);
  return [made("h2", name), table(["field", "type", "meaning"], rows)];
}

const paths = document.getElementById("paths");
fetch("/openapi.json")
  .then((response) => (response.ok ? response.json() : Promise.reject(new Error(`the server answered ${response.status}`))))
  .then((api) => {
    const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, about]) => operation(path, method, about)));
    const shapes = Object.entries(api.components?.schemas ?? {}).flatMap(([name, schema]) =>
      schema.properties?.loc ? [] : shape(name, schema));
    paths.replaceChildren(...operations, ...shapes);
  })
  .catch((error) => paths.replaceChildren(made("p", `/openapi.json cannot be read: ${error.message}`)));
