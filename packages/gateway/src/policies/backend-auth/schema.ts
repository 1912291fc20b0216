import { z } from 'zod';
import type { Path } from '../../config/path.ts';
import { closed, exactlyOne, maybe, refuseForNow, required } from '../../config/schema/closed.ts';
import { fileOrInline, isHeaderValue, name } from '../../config/schema/fields.ts';
import { notYet } from '../../config/schema/not-yet.ts';
import type { Translation } from '../../config/translate/translation.ts';
import { type Secret, secret } from '../../resources/secret.ts';
import { credentialLocation, credentialLocationSchema } from '../credential-location-schema.ts';
import { crossAppAccessSchema, crossAppAccessSpec } from './cross-app-access/schema.ts';
import { jwtSignSchema, jwtSignSpec } from './jwt-sign/schema.ts';
import { readSecret } from './secret-schema.ts';
import type { BackendAuthSpec, CredentialSpec } from './spec.ts';
import { tokenExchangeSchema, tokenExchangeSpec } from './token-exchange/schema.ts';

const keySchema = closed({
  value: fileOrInline().optional(),
  file: name().optional(),
  location: maybe(credentialLocationSchema),
}).check((context) => {
  exactlyOne(['value', 'file'])(context);
  if (context.value.file === undefined || context.value.location == null) return;
  context.issues.push({ code: 'custom', input: context.value, message: 'write key: {value: {file: …}, location: …}' });
});

const kinds = ['key', 'passthrough', 'jwtSign', 'oauthTokenExchange', 'crossAppAccess'] as const;

const credentialSchema = closed({
  location: credentialLocationSchema.optional(),
  key: fileOrInline().optional(),
}).check(required(['location', 'key']));

const auth = closed(
  {
    key: z.union([z.string(), keySchema]).optional(),
    passthrough: closed({ location: maybe(credentialLocationSchema) }).optional(),
    jwtSign: jwtSignSchema.optional(),
    oauthTokenExchange: tokenExchangeSchema.optional(),
    crossAppAccess: crossAppAccessSchema.optional(),
    credentials: z.array(credentialSchema).optional().describe('Further keys, shown after the others.'),
  },
  notYet.backendAuth,
).check((context) => {
  // with further credentials its form has no value
  if ((context.value as { copilot?: unknown }).copilot === null) refuseForNow(context, 'copilot');
  const alone = context.value.credentials !== undefined && !kinds.some((kind) => Object.hasOwn(context.value, kind));
  if (!alone) exactlyOne(kinds)(context);
});

/** `backendAuth` in the file (spec 03 §8): one kind, further credentials, or both; `{key: …}` may hold the text itself or a file. */
export const backendAuthSchema = z.union([
  z.string().check((context) => {
    if (context.value === 'copilot') refuseForNow(context, 'copilot');
    else context.issues.push({ code: 'custom', input: context.value, message: 'expected an object such as {key: …}' });
  }),
  auth,
]);

type AuthOptions = z.output<typeof auth>;

/** What the file says, as a resource; reads the files of keys and secrets. */
export function backendAuthSpec(
  options: z.output<typeof backendAuthSchema>,
  path: Path,
  translation: Translation,
): BackendAuthSpec | undefined {
  if (typeof options === 'string') return undefined;
  const credentials = options.credentials && credentialSpecs(options.credentials, path, translation);
  const kind = kindSpec(options, path, translation);
  if (kind === undefined) return undefined;
  if (kind === null) return credentials && { credentials };
  return credentials === undefined ? kind : { ...kind, credentials };
}

/** Null where there are further credentials only. */
function kindSpec(options: AuthOptions, path: Path, translation: Translation): BackendAuthSpec | null | undefined {
  const { key, passthrough, jwtSign, oauthTokenExchange, crossAppAccess } = options;
  if (key !== undefined) return keySpec(key, [...path, 'key'], translation);
  if (passthrough !== undefined)
    return { passthrough: passthrough.location ? { location: credentialLocation(passthrough.location) } : {} };
  if (jwtSign !== undefined) {
    const spec = jwtSignSpec(jwtSign, [...path, 'jwtSign'], translation.files);
    return spec && { jwtSign: spec };
  }
  if (oauthTokenExchange !== undefined) {
    const spec = tokenExchangeSpec(oauthTokenExchange, [...path, 'oauthTokenExchange'], translation);
    return spec && { oauthTokenExchange: spec };
  }
  if (crossAppAccess !== undefined) {
    const spec = crossAppAccessSpec(crossAppAccess, [...path, 'crossAppAccess'], translation);
    return spec && { crossAppAccess: spec };
  }
  return null;
}

function keySpec(
  key: string | z.output<typeof keySchema>,
  path: Path,
  translation: Translation,
): BackendAuthSpec | undefined {
  if (typeof key === 'string') {
    const value = keyText(key, path, translation);
    return value && { key: { value } };
  }
  const value =
    key.file === undefined
      ? keyText(key.value!, [...path, 'value'], translation)
      : keyText({ file: key.file }, path, translation);
  if (value === undefined) return undefined;
  return { key: key.location ? { value, location: credentialLocation(key.location) } : { value } };
}

function credentialSpecs(
  options: readonly z.output<typeof credentialSchema>[],
  path: Path,
  translation: Translation,
): CredentialSpec[] {
  return options.flatMap(({ location, key }, i) => {
    const text = keyText(key!, [...path, 'credentials', i, 'key'], translation);
    return text === undefined ? [] : [{ location: credentialLocation(location!), key: text }];
  });
}

function keyText(value: string | { file: string }, path: Path, { files }: Translation): Secret | undefined {
  const text = readSecret(value, 'the key', path, files)?.trim();
  if (text === undefined) return undefined;
  if (isHeaderValue(text)) return secret(text);
  files.problem({ path, message: 'the key cannot be sent in a header' });
  return undefined;
}
