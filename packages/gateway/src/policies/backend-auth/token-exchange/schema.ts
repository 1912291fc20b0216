import { z } from 'zod';
import type { Path } from '../../../config/path.ts';
import { closed, maybe } from '../../../config/schema/closed.ts';
import { expression } from '../../../config/schema/expression.ts';
import { oneReference, referenceLater } from '../../../config/schema/reference.ts';
import type { Translation } from '../../../config/translate/translation.ts';
import {
  credentialLocation,
  credentialLocationSchema,
  credentialSourceSchema,
} from '../../credential-location-schema.ts';
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
import type { TokenExchangeSpec } from './spec.ts';

const { idJag, ...requestable } = tokenTypes;

/** Parameters that the exchange itself sends, or that would change who asks. */
const reserved = [
  'grant_type',
  'subject_token',
  'subject_token_type',
  'actor_token',
  'actor_token_type',
  'assertion',
  'audience',
  'resource',
  'scope',
  'requested_token_type',
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
];

const additionalParams = z.record(z.string(), expression()).check(({ value, issues }) => {
  for (const name of Object.keys(value)) {
    const message = name === '' ? 'a parameter needs a name' : `the parameter ${name} is reserved`;
    if (name !== '' && !reserved.includes(name.toLowerCase())) continue;
    issues.push({ code: 'custom', input: value, path: [name], message });
  }
});

const requestedTokenType = z.string().check(({ value, issues }) => {
  if (Object.values<string>(requestable).includes(value)) return;
  const message =
    value === idJag
      ? 'identity assertions (id-jag) are asked for by crossAppAccess'
      : `expected one of ${Object.values(requestable).join(', ')}`;
  issues.push({ code: 'custom', input: value, message });
});

/** `oauthTokenExchange` in the file (spec 03 §9.1). */
export const tokenExchangeSchema = closed(
  {
    ...endpointFields,
    grantType: z.enum(['tokenExchange', 'jwtBearer']).default('tokenExchange'),
    subjectToken: closed({ source: credentialSourceSchema.optional(), tokenType: tokenType().optional() }).optional(),
    actorToken: maybe(
      closed({
        source: credentialSourceSchema,
        tokenType: tokenType().optional(),
        enforceMayAct: z.boolean().default(false),
      }),
    ),
    audiences: z.array(z.string()).default([]),
    scopes: z.array(z.string()).default([]),
    resources: z.array(z.string()).default([]),
    requestedTokenType: maybe(requestedTokenType),
    clientAuth: maybe(clientAuthSchema),
    additionalParams: additionalParams.default({}),
    authorizationLocation: credentialLocationSchema.optional(),
    cache: maybe(tokenCacheSchema),
  },
  referenceLater,
)
  .check(oneReference)
  .check(({ value, issues }) => {
    const refuse = (path: string[], message: string) => {
      issues.push({ code: 'custom', input: value, path, message });
    };
    for (const name of ['actorToken', 'requestedTokenType'] as const) {
      if (value.grantType === 'tokenExchange' || value[name] == null) continue;
      refuse([name], `is for grantType tokenExchange only`);
    }
    if (value.actorToken?.enforceMayAct && value.actorToken.tokenType !== tokenTypes.jwt)
      refuse(['actorToken', 'enforceMayAct'], `needs tokenType ${tokenTypes.jwt}: claims are read from it`);
  });

/** What the file says, as a resource; reads the files of keys and secrets. */
export function tokenExchangeSpec(
  options: z.output<typeof tokenExchangeSchema>,
  path: Path,
  translation: Translation,
): TokenExchangeSpec | undefined {
  const { actorToken, requestedTokenType, authorizationLocation, grantType, audiences, scopes, resources } = options;
  const endpoint = tokenEndpointSpec(options, path, translation);
  if (endpoint === undefined) return undefined;
  return {
    endpoint,
    grantType,
    subjectToken: tokenSourceSpec(options.subjectToken, tokenTypes.accessToken),
    ...(actorToken == null
      ? {}
      : {
          actorToken: {
            ...tokenSourceSpec(actorToken, tokenTypes.accessToken),
            enforceMayAct: actorToken.enforceMayAct,
          },
        }),
    audiences,
    scopes,
    resources,
    ...(requestedTokenType == null ? {} : { requestedTokenType }),
    additionalParams: Object.entries(options.additionalParams).map(([name, value]) => ({ name, value })),
    ...(authorizationLocation ? { location: credentialLocation(authorizationLocation) } : {}),
    cache: tokenCacheSpec(options.cache),
  };
}
