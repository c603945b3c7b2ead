declare module 'swagger-ui-dist/absolute-path.js' {
  /** The folder that holds the page's assets. */
  function absolutePath(): string;
  export { absolutePath as default };
}
