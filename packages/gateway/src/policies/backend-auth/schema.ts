import { z } from 'zod';
import type { Files } from '../../config/files.ts';
import type { Path } from '../../config/path.ts';
import { closed, exactlyOne, maybe, refuseForNow } from '../../config/schema/closed.ts';
import { fileOrInline, isHeaderValue, name } from '../../config/schema/fields.ts';
import { notYet } from '../../config/schema/not-yet.ts';
import { secret } from '../../resources/secret.ts';
import { credentialLocation, credentialLocationSchema } from '../credential-location-schema.ts';
import type { BackendAuthSpec } from './spec.ts';

const full = closed({
  value: fileOrInline().optional(),
  file: name().optional(),
  location: maybe(credentialLocationSchema),
}).check((context) => {
  exactlyOne(['value', 'file'])(context);
  if (context.value.file === undefined || context.value.location == null) return;
  context.issues.push({ code: 'custom', input: context.value, message: 'write key: {value: {file: …}, location: …}' });
});

/** `backendAuth` in the file: `{key: …}` with a text, a file, or either and a location (spec 03 §8). */
export const backendAuthSchema = z.union([
  z.string().check((context) => {
    if (context.value === 'copilot') refuseForNow(context, 'copilot');
    else context.issues.push({ code: 'custom', input: context.value, message: 'expected an object such as {key: …}' });
  }),
  closed({ key: z.union([z.string(), full]).optional() }, notYet.backendAuth).check(exactlyOne(['key'])),
]);

/** What the file says, as a resource; reads the file of the key. */
export function backendAuthSpec(
  options: z.output<typeof backendAuthSchema>,
  path: Path,
  files: Files,
): BackendAuthSpec | undefined {
  if (typeof options === 'string' || options.key === undefined) return undefined;
  const { key } = options;
  if (typeof key === 'string') return keySpec(key, [...path, 'key'], files);
  const value = key.file === undefined ? key.value! : { file: key.file };
  const at = key.file === undefined ? [...path, 'key', 'value'] : [...path, 'key'];
  const spec = keySpec(value, at, files);
  return spec && key.location ? { key: { ...spec.key, location: credentialLocation(key.location) } } : spec;
}

function keySpec(value: string | { file: string }, path: Path, files: Files): BackendAuthSpec | undefined {
  const text = typeof value === 'string' ? value.trim() : files.readTrimmed(value.file, [...path, 'file']);
  if (text === undefined) return undefined;
  if (text !== '' && isHeaderValue(text)) return { key: { value: secret(text) } };
  files.problem({ path, message: text === '' ? 'the key is empty' : 'the key cannot be sent in a header' });
  return undefined;
}
