/** The page that shows the document, with locally served Swagger UI: browsers need no internet access. */
import { swaggerUI } from '@hono/swagger-ui';
import type { HttpEnv } from '../request/env.ts';
import { API_PREFIX } from '../request/publicPath.ts';

/**
 * Creates the page. `base`: the base path of the server's public URL. No inline scripts: `POLICY` would block
 * them.
 */
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

/** The Content-Security-Policy of the page. */
export const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'";

/**
 * Returns the script that starts Swagger UI. Swagger UI fills its forms with the examples, even of optional
 * fields: "Execute" would then send a cursor or a range that the user did not choose. The script moves these
 * examples to the descriptions and leaves the fields empty or at their defaults.
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
