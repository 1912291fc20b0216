import { expect, test } from 'vitest';
import { apiKeySchema, apiKeySpec } from './schema.ts';

function allowed(...allowedModels: string[]) {
  return apiKeySchema.safeParse({ keys: [{ key: 'k', allowedModels }] });
}

test.each([[], ['*'], ['a'], ['a*'], ['*a'], ['a', 'b*', '*c']])('models that a key may use: %j', (...patterns) => {
  expect(allowed(...patterns.flat()).success).toBe(true);
});

test.each([['a*b'], ['*a*'], [''], ['*', 'a'], ['**']])('no list of models: %j', (...patterns) => {
  expect(allowed(...patterns.flat()).success).toBe(false);
});

test('no models is another thing than all models', () => {
  const specOf = (key: object) => apiKeySpec(apiKeySchema.parse({ keys: [key] })).keys[0];
  expect(specOf({ key: 'k', allowedModels: [] })).toHaveProperty('allowedModels', []);
  expect(specOf({ key: 'k', allowedModels: null })).not.toHaveProperty('allowedModels');
});

test('the key itself is not kept', () => {
  expect(JSON.stringify(apiKeySpec(apiKeySchema.parse({ keys: [{ key: 'TOPSECRET' }] })))).not.toContain('TOPSECRET');
});

test('the default location is remembered as such', () => {
  const specOf = (options: object) => apiKeySpec(apiKeySchema.parse({ keys: [], ...options }));
  expect(specOf({})).toMatchObject({
    defaultLocation: true,
    location: { header: { name: 'authorization', prefix: 'Bearer ' } },
  });
  expect(specOf({ location: { header: { name: 'X-Api-Key' } } })).toMatchObject({
    defaultLocation: false,
    location: { header: { name: 'x-api-key' } },
  });
});
