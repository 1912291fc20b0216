/** Where in a request a credential stands (spec 03 §3.1). Header names are in lower case. */
export type CredentialLocation =
  | { readonly header: { readonly name: string; readonly prefix?: string } }
  | { readonly queryParameter: { readonly name: string } }
  | { readonly cookie: { readonly name: string } };
