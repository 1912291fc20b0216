/** One route to `upstream`, whose messages `service` processes. `routePolicies` stand beside `extProc`. */
export function processing(
  upstream: { readonly host: string },
  service: { readonly host: string },
  options = '',
  routePolicies = '',
): string {
  return `
gateways: { default: { port: PORT } }
routes:
- policies: { extProc: { host: "${service.host}", ${options} }, ${routePolicies} }
  backends: [ { host: "${upstream.host}" } ]
`;
}

/** `processingOptions` with these body modes. */
export function bodies(request: string, response = 'none', more = ''): string {
  return `processingOptions: { requestBodyMode: ${request}, responseBodyMode: ${response}, ${more} }`;
}
