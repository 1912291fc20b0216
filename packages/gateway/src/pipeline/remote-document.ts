import type { CalloutKind } from './callout.ts';

/** How a document is read. */
export interface DocumentReader<T> {
  /** What it is fetched for; documents are shared between policies that want the same from the same place. */
  readonly kind: CalloutKind;
  /**
   * Reads the text.
   *
   * @param warn Tells what is strange but no reason to refuse the document.
   * @throws Error whose message says why the document cannot be used, without quoting it.
   */
  parse(text: string, warn: (message: string) => void): T;
}

/**
 * A document of another server, fetched in the background and kept fresh as long as a policy holds it (spec 03 §3.5). What was fetched
 * last is used until something newer is there, however long that takes.
 */
export interface RemoteDocument<T> {
  /** The latest that could be fetched; the same object as long as the content is the same. Null if none could be, so far. */
  readonly current: T | null;
  /** Why the last fetch failed, for the log; null if it did not. */
  readonly failure: string | null;
  /** Resolves when the first fetch is over, whatever came of it; null if it is. It takes a bounded time. */
  ready(): Promise<void> | null;
  /**
   * Asks for a newer document than the current one, because what it has is not enough. Resolves when the fetch is over, in bounded time;
   * null if the last one was too short a time ago.
   */
  refetch(): Promise<void> | null;
}
