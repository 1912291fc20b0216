/** What a token is asked for by (RFC 8693 §2.1, RFC 7523 §2.1). */
export const grants = {
  tokenExchange: 'urn:ietf:params:oauth:grant-type:token-exchange',
  jwtBearer: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
} as const;

/** Fields of a form in the order in which they are sent; a name may come several times. */
export type FormFields = [name: string, value: string][];

/** `application/x-www-form-urlencoded`. */
export function encodeForm(fields: FormFields): string {
  return new URLSearchParams(fields).toString();
}

/** One text as it stands in a form. */
export function encodeFormText(text: string): string {
  return encodeForm([['', text]]).slice(1);
}

/** What an access token is asked for: `audience` and `resource` each on its own, scopes in one field, if there are any. */
export function wishFields(
  audiences: readonly string[],
  scopes: readonly string[],
  resources: readonly string[],
): FormFields {
  const fields: FormFields = audiences.map((audience) => ['audience', audience]);
  if (scopes.length > 0) fields.push(['scope', scopes.join(' ')]);
  for (const resource of resources) fields.push(['resource', resource]);
  return fields;
}
