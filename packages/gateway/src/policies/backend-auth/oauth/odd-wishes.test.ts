import { expect, test } from 'vitest';
import { warnOfOddWishes } from './odd-wishes.ts';

test('odd values are told of, each policy once', () => {
  const told: unknown[][] = [];
  const log = { error() {}, info() {}, debug() {}, warn: (...parts: unknown[]) => void told.push(parts.slice(1)) };
  const wishes = {
    audiences: ['app', ' '],
    scopes: ['read', 'a b', 'quo"te', ''],
    resources: ['https://r/x?y', 'urn:r', '/relative', 'https://r/#part'],
  };
  warnOfOddWishes(wishes, wishes, log);
  expect(told).toEqual([
    ['backendAuth asks for a token with odd audiences', { values: [' '] }],
    ['backendAuth asks for a token with odd scopes', { values: ['a b', 'quo"te', ''] }],
    ['backendAuth asks for a token with odd resources', { values: ['/relative', 'https://r/#part'] }],
  ]);
  warnOfOddWishes(wishes, wishes, log);
  expect(told).toHaveLength(3);
});
