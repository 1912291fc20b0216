import type { UrlRewriteSpec } from '../url-rewrite/spec.ts';

/** `requestRedirect` as a resource (spec 02 §3.7). */
export interface RequestRedirectSpec extends UrlRewriteSpec {
  readonly scheme?: string;
  readonly status: number;
}
