import { contentEncoding, encodeBody, isStream, type Request, type Response } from '@agentgateway/http';

/**
 * Gives a message another body, in the coding that its headers name; where that is none that can be written, the body goes without. What
 * is left of the old body is cancelled, and its trailers go with it.
 */
export function replaceBody(message: Request | Response, content: Buffer | null): void {
  const { body, headers } = message;
  if (isStream(body)) body.cancel(new Error('replaced by a transformation'));
  headers.delete('content-length');
  headers.delete('trailer');
  if (content === null || content.length === 0) {
    headers.delete('content-encoding');
    message.body = null;
    return;
  }
  const coding = contentEncoding(headers);
  if (coding === null || coding === 'unsupported') {
    headers.delete('content-encoding');
    message.body = content;
  } else {
    message.body = encodeBody(content, coding);
  }
}
