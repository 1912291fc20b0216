import type { Expression } from '../resources/model.ts';

/** Where in a request a credential stands, or is put (spec 03 §3.1). Header names are in lower case. */
export type CredentialLocation =
  | { readonly header: { readonly name: string; readonly prefix?: string } }
  | { readonly queryParameter: { readonly name: string } }
  | { readonly cookie: { readonly name: string } };

/** Where a credential comes from: a place, or whatever an expression makes of the request. Nothing can be put or removed there. */
export type CredentialSource = CredentialLocation | { readonly expression: Expression };
