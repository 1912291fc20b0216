import fc from 'fast-check';
import { expect, test } from 'vitest';
import { evaluate } from '../fixtures/evaluate.ts';
import { fromJson } from '../json/from.ts';

fc.configureGlobal({ seed: 20_480 });

/** Few characters, so that parts are found; two of them take two UTF-16 units. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀', '🎉'), maxLength: 8 });
const index = fc.integer({ min: 0, max: 10 });

function find(characters: readonly string[], part: readonly string[], places: readonly number[]): number {
  return places.find((place) => part.every((char, i) => characters[place + i] === char)) ?? -1;
}

const upTo = (end: number): number[] => Array.from({ length: Math.max(0, end + 1) }, (_, i) => i);

test('indices are those of a list of characters', () => {
  fc.assert(
    fc.property(text, text, index, index, (whole, part, from, to) => {
      const jwt = fromJson({ whole, part });
      const run = (source: string) => evaluate(source, { jwt });
      const characters = [...whole];
      const needle = [...part];
      const last = characters.length - needle.length;

      expect(run('jwt.whole.indexOf(jwt.part)')).toBe(find(characters, needle, upTo(last)));
      expect(run('jwt.whole.lastIndexOf(jwt.part)')).toBe(find(characters, needle, upTo(last).reverse()));
      if (part !== '' && from < characters.length) {
        expect(run(`jwt.whole.indexOf(jwt.part, ${from})`)).toBe(
          find(
            characters,
            needle,
            upTo(last).filter((place) => place >= from),
          ),
        );
        expect(run(`jwt.whole.lastIndexOf(jwt.part, ${from})`)).toBe(
          find(characters, needle, upTo(Math.min(last, from)).reverse()),
        );
      }
      if (from < characters.length) expect(run(`jwt.whole.charAt(${from})`)).toBe(characters[from]);
      if (from <= to && from <= characters.length) {
        expect(run(`jwt.whole.substring(${from}, ${to})`)).toBe(characters.slice(from, to).join(''));
      }
      expect(run('jwt.whole.split(jwt.part).join(jwt.part) == jwt.whole')).toBe(true);
      if (part !== '') expect(run('jwt.whole.replace(jwt.part, "--")')).toBe(whole.replaceAll(part, '--'));
    }),
    { numRuns: 1_000 },
  );
});
