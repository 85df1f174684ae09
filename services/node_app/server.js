// The server below Fastify: it decodes and counts requests before Fastify sees them, and refuses bytes that are none.

import { createServer, ServerResponse } from 'node:http';

import * as responses from './responses.js';
import { decoded } from './paths.js';
import * as counters from './counters.js';

export function serverFactory(handler) {
  const counted = counters.counted(handler);
  const serve = (request, response) => {
    request.url = decoded(request.url);
    counted(request, response);
  };
  const server = createServer({ requireHostHeader: false }, serve);
  // CONNECT is refused like any other wrong method. By default Node would close the connection.
  return server.on('connect', (request, socket) => {
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    socket.on('error', () => socket.destroy());
    serve(request, response.setHeader('connection', 'close'));
  });
}

// Responds to bytes that Node's parser does not accept as a request.
export function noRequest(error, socket) {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const head = ['HTTP/1.1 400 Bad Request', `content-type: ${responses.PROBLEM}`, 'connection: close'];
  const body = responses.NO_REQUEST;
  socket.end([...head, `content-length: ${body.length}`, '', body].join('\r\n'));
}
