import { z } from 'zod';
import type { Path } from '../../../config/path.ts';
import { closed, maybe } from '../../../config/schema/closed.ts';
import { name } from '../../../config/schema/fields.ts';
import { oneReference, referenceLater } from '../../../config/schema/reference.ts';
import type { Translation } from '../../../config/translate/translation.ts';
import { credentialSourceSchema } from '../../credential-location-schema.ts';
import {
  clientAuthSchema,
  endpointFields,
  tokenCacheSchema,
  tokenCacheSpec,
  tokenEndpointSpec,
  tokenSourceSpec,
  tokenType,
} from '../oauth/schema.ts';
import { tokenTypes } from '../oauth/spec.ts';
import type { CrossAppAccessSpec } from './spec.ts';

const endpoint = closed({ ...endpointFields, clientAuth: clientAuthSchema }, [...referenceLater]).check(oneReference);

/** `crossAppAccess` in the file (spec 03 §9.2). */
export const crossAppAccessSchema = closed({
  identityProvider: endpoint,
  resourceAuthorizationServer: endpoint,
  audience: name(),
  resources: z.array(z.string()).default([]),
  scopes: z.array(z.string()).default([]),
  accessTokenScopes: maybe(z.array(z.string())).describe('Default scopes; an empty list asks for none.'),
  subjectToken: maybe(
    closed({
      source: credentialSourceSchema.optional(),
      tokenType: tokenType()
        .refine((type) => type !== tokenTypes.idJag, 'an identity assertion (id-jag) cannot be exchanged for another')
        .optional(),
    }),
  ),
  cache: maybe(tokenCacheSchema),
});

/** What the file says, as a resource; reads the files of keys and secrets. */
export function crossAppAccessSpec(
  options: z.output<typeof crossAppAccessSchema>,
  path: Path,
  translation: Translation,
): CrossAppAccessSpec | undefined {
  const leg = (name: 'identityProvider' | 'resourceAuthorizationServer') =>
    tokenEndpointSpec(options[name], [...path, name], translation);
  const identityProvider = leg('identityProvider');
  const resourceAuthorizationServer = leg('resourceAuthorizationServer');
  if (identityProvider === undefined || resourceAuthorizationServer === undefined) return undefined;
  const { audience, resources, scopes, accessTokenScopes, subjectToken, cache } = options;
  return {
    identityProvider,
    resourceAuthorizationServer,
    audience,
    resources,
    scopes,
    accessTokenScopes: accessTokenScopes ?? scopes,
    subjectToken: tokenSourceSpec(subjectToken, tokenTypes.idToken),
    cache: tokenCacheSpec(cache),
  };
}
