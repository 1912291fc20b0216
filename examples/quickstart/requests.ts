/** A request to try, as a command for a shell. */
export interface Try {
  readonly title: string;
  readonly command: string;
}

/** Requests that work as printed. */
export function requestsToTry(gateway: string, key: string, model: string): readonly Try[] {
  const chat = (shown: string, flags: string, more: string) =>
    `curl ${flags} ${gateway}/v1/chat/completions \\\n` +
    `  -H 'authorization: Bearer ${shown}' -H 'content-type: application/json' \\\n` +
    `  -d '{"model":"${model}","messages":[{"role":"user","content":"Hello!"}]${more}}'`;
  return [
    { title: 'A plain answer', command: chat(key, '-s', '') },
    { title: 'A stream', command: chat(key, '-sN', ',"stream":true') },
    { title: 'The wrong key: 401', command: chat('wrong', '-si', '') },
    { title: 'The models', command: `curl -s ${gateway}/v1/models -H 'authorization: Bearer ${key}'` },
  ];
}
