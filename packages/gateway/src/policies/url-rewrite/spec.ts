/** `urlRewrite` as a resource (spec 02 §3.7). */
export interface UrlRewriteSpec {
  readonly authority?:
    | { readonly full: string }
    | { readonly host: string }
    | { readonly port: number }
    | 'auto'
    | 'none';
  readonly path?: { readonly full: string } | { readonly prefix: string };
}
