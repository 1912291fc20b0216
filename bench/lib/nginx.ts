import { writeFileSync } from 'node:fs';
import { type Running, scratch, start } from './processes.ts';

/** What the upstream answers to everything, except where a file stands at the path. */
export const answer = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'gpt-4o-mini',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'An answer of moderate length, the same every time.' },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 21, completion_tokens: 12, total_tokens: 33 },
});

/** An nginx that answers at once, the upstream of all measurements. `streams` is served at `/stream`. */
export function startUpstream(core: number, port: number, stream: string): Promise<Running> {
  const file = scratch('stream.sse');
  writeFileSync(file, stream);
  return startNginx(
    core,
    port,
    'upstream',
    `server { listen 127.0.0.1:${port} backlog=1024;
      location = /stream { default_type text/event-stream; alias ${file}; error_page 405 =200 $uri; }
      location / { default_type application/json; return 200 '${answer}'; } }`,
  );
}

/** The baseline: nginx as a reverse proxy with keep-alive to the upstream and an access log. */
export function startProxy(core: number, port: number, upstreamPort: number): Promise<Running> {
  return startNginx(
    core,
    port,
    'proxy',
    `upstream up { server 127.0.0.1:${upstreamPort}; keepalive 512; keepalive_requests 1000000000; }
     server { listen 127.0.0.1:${port} backlog=1024;
       location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; } }`,
    `access_log ${scratch('nginx-access.log')};`,
  );
}

function startNginx(
  core: number,
  port: number,
  name: string,
  servers: string,
  log = 'access_log off;',
): Promise<Running> {
  const config = scratch(`${name}.conf`);
  writeFileSync(
    config,
    `worker_processes 1; daemon off; master_process off; pid ${scratch(`${name}.pid`)}; error_log ${scratch(`${name}.err`)} crit;
     events { worker_connections 8192; }
     http { ${log} keepalive_requests 1000000000; client_body_buffer_size 128k; ${servers} }`,
  );
  return start(core, ['nginx', '-c', config], port);
}
