// The server below Fastify: what it does with requests before Fastify sees them, and with what is none.

import { createServer, ServerResponse } from 'node:http';

import * as answers from './answers.js';
import { decoded } from './paths.js';
import * as tally from './tally.js';

export function serverFactory(handler) {
  const counted = tally.counted(handler);
  const serve = (request, response) => {
    request.url = decoded(request.url);
    counted(request, response);
  };
  const server = createServer({ requireHostHeader: false }, serve);
  // CONNECT is refused like any other method; Node would close the connection, and hands it over for this.
  return server.on('connect', (request, socket) => {
    const response = new ServerResponse(request);
    response.assignSocket(socket);
    response.on('finish', () => socket.end());
    socket.on('error', () => socket.destroy());
    serve(request, response.setHeader('connection', 'close'));
  });
}

// What Node's parser does not take for a request gets no further than here.
export function noRequest(error, socket) {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const head = ['HTTP/1.1 400 Bad Request', `content-type: ${answers.PROBLEM}`, 'connection: close'];
  const body = answers.NO_REQUEST;
  socket.end([...head, `content-length: ${body.length}`, '', body].join('\r\n'));
}
