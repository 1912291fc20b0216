import { createHash } from 'node:crypto';
import { z } from 'zod';
import { closed, exactlyOne, maybe } from '../../config/schema/closed.ts';
import { name } from '../../config/schema/fields.ts';
import { credentialSource, credentialSourceSchema } from '../credential-location-schema.ts';
import type { ApiKeyEntry, ApiKeySpec } from './spec.ts';

const keyHash = z.string().transform((text, context) => {
  const hex = text.startsWith('sha256:') ? text.slice('sha256:'.length) : undefined;
  const form = hex === undefined || !/^[0-9a-fA-F]*$/.test(hex) || hex.length % 2 !== 0;
  if (!form && hex.length === 64) return hex.toLowerCase();
  const message = form ? 'keyHash must use the sha256:<hex> format' : 'sha256 keyHash must decode to 32 bytes';
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const modelPattern = z
  .string()
  .min(1, 'allowedModels must not hold an empty name')
  .refine(
    (text) => !/.\*./.test(text) && text.split('*').length <= 2,
    'a pattern may hold one *, at its beginning or its end',
  );

const allowedModels = z
  .array(modelPattern)
  .refine(
    (patterns) => patterns.length < 2 || !patterns.includes('*'),
    "allowedModels cannot combine '*' with other values",
  );

const entry = closed({
  key: name().optional(),
  keyHash: keyHash.optional(),
  metadata: z
    .record(z.string(), z.unknown())
    .nullish()
    .describe('Any members; expressions and logs see them as apiKey.*.'),
  allowedModels: maybe(allowedModels),
}).check(exactlyOne(['key', 'keyHash']));

/** `apiKey` in the file (spec 03 §4.3). */
export const apiKeySchema = closed({
  keys: z.array(entry),
  mode: z.enum(['strict', 'optional', 'permissive']).optional().describe('Default optional.'),
  location: credentialSourceSchema.optional(),
});

/** What the file says, as a resource; of a key only its hash is kept. */
export function apiKeySpec(options: z.output<typeof apiKeySchema>): ApiKeySpec {
  return {
    mode: options.mode ?? 'optional',
    location: options.location
      ? credentialSource(options.location)
      : { header: { name: 'authorization', prefix: 'Bearer ' } },
    defaultLocation: options.location === undefined,
    keys: options.keys.map(entrySpec),
  };
}

function entrySpec(options: z.output<typeof entry>): ApiKeyEntry {
  return {
    sha256: options.keyHash ?? createHash('sha256').update(options.key!).digest('hex'),
    ...(options.metadata ? { metadata: options.metadata } : {}),
    ...(options.allowedModels ? { allowedModels: options.allowedModels } : {}),
  };
}
