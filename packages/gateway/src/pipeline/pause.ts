import type { Exchange } from './exchange.ts';

/** Waits so many milliseconds, or throws the reason as soon as the exchange is aborted. */
export function pause(exchange: Exchange, milliseconds: number): Promise<undefined> {
  return new Promise((resolve, reject) => {
    const stop = (reason: Error) => {
      clearTimeout(timer);
      reject(reason);
    };
    const timer = setTimeout(() => {
      exchange.abort.unlisten(stop);
      resolve(undefined);
    }, milliseconds);
    exchange.abort.listen(stop);
  });
}

/** Waits for work that others share and that goes on without the exchange, or throws the reason as soon as the exchange is aborted. */
export function unlessAborted<T>(exchange: Exchange, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    exchange.abort.listen(reject);
    void work.then(resolve, reject).then(() => exchange.abort.unlisten(reject));
  });
}
