/** The page that shows the document, with Swagger UI of our own assets: no browser needs the internet. */
import { swaggerUI } from '@hono/swagger-ui';
import type { HttpEnv } from '../env.ts';
import { API_PREFIX } from '../wire.ts';

/** Makes it. `base`: the path below which the server is reached. Nothing stands inline, which `POLICY` would refuse. */
export const page = (base: string) =>
  swaggerUI<HttpEnv>({
    title: 'msst-serve API',
    url: `${base}${API_PREFIX}/openapi.json`,
    manuallySwaggerUIHtml: () => `
    <link rel="icon" href="${base}/docs/swagger-ui/favicon-32x32.png">
    <link rel="stylesheet" href="${base}/docs/swagger-ui/swagger-ui.css">
    <div id="swagger-ui"></div>
    <script src="${base}/docs/swagger-ui/swagger-ui-bundle.js"></script>
    <script src="${base}/docs/start.js"></script>`,
  });

/** What the page may load and do. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

/**
 * Swagger UI fills its forms with the examples, also of what may be left out: "Execute" would then send a cursor or
 * a range that nobody asked for. So on the page such an example stands in words, and the field is empty.
 */
export const startScript = (base: string) => `const leaveOut = (schema, described) => {
  if (schema.example === undefined) return;
  described.description += ' Example: ' + String(schema.example) + '.';
  if (schema.default !== undefined) delete schema.example;
  else schema.example = schema.type === 'array' ? [] : '';
};
const leaveOutWhatIsOptional = ({ parameters = [], requestBody }) => {
  for (const parameter of parameters) if (!parameter.required) leaveOut(parameter.schema, parameter);
  for (const { schema } of Object.values(requestBody?.content ?? {})) {
    for (const [name, field] of Object.entries(schema.properties)) {
      if (!schema.required.includes(name)) leaveOut(field, field);
    }
  }
};
fetch(${JSON.stringify(`${base}${API_PREFIX}/openapi.json`)}).then(async (answer) => {
  const spec = await answer.json();
  for (const methods of Object.values(spec.paths)) Object.values(methods).forEach(leaveOutWhatIsOptional);
  SwaggerUIBundle({ spec, dom_id: '#swagger-ui', tryItOutEnabled: true });
});
`;
