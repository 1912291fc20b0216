/**
 * Where this codec and llhttp (inside `node:http`) disagree about a message, and why. The differential test fails on any
 * disagreement that is not listed here.
 */

/** Refused here, accepted by llhttp: our reason for refusing → why. */
export const stricter: Readonly<Record<string, string>> = {};

/** Accepted here, refused by llhttp: its error code and reason → why. */
export const looser: Readonly<Record<string, string>> = {};
