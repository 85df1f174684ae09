// The slow endpoints in Fastify.

import Fastify from 'fastify';

import * as responses from './responses.js';
import * as params from './params.js';
import { pathOf } from './paths.js';
import { noRequest, serverFactory } from './server.js';
import * as counters from './counters.js';
import * as work from './work.js';

export const app = Fastify({ exposeHeadRoutes: false, serverFactory, clientErrorHandler: noRequest });

// The only method that each path accepts.
const methods = new Map();
app.addHook('onRoute', ({ url, method }) => methods.set(url, method));

// Fastify does not parse bodies, of any media type. A handler that needs one reads it piece by piece.
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', (request, body, done) => done(null));
const anyBody = {
  onRequest(request, reply, done) {
    request.headers['content-type'] = responses.BYTES;
    done();
  },
};

const asItIs = (body) => body;

function send(reply, body, status = 200, mediaType = responses.JSON_TYPE) {
  // The serializer changes nothing. Without one, Fastify adds a charset to the type of a text.
  return reply.code(status).header('content-type', mediaType).serializer(asItIs).send(body);
}

function refuse(reply, status, body) {
  return send(reply, body, status, responses.PROBLEM);
}

app.get('/health', (request, reply) => send(reply, responses.HEALTH));

app.get('/info', async (request, reply) => send(reply, JSON.stringify(await work.info(app.server))));

app.get('/usage', (request, reply) => send(reply, JSON.stringify(counters.usage())));

app.post('/usage/reset', anyBody, async (request, reply) => {
  await counters.resetPeaks();
  return send(reply, JSON.stringify(counters.usage()));
});

app.get('/fast', (request, reply) => send(reply, responses.FAST));

app.get('/wait', async (request, reply) => {
  const ms = params.ms(request.query.ms);
  await work.wait(ms);
  return send(reply, responses.waited(ms));
});

app.get('/upstream', async (request, reply) => {
  const ms = params.ms(request.query.ms);
  const calls = params.calls(request.query.calls);
  const serial = params.serial(request.query.serial);
  return send(reply, responses.called(ms, await work.upstream(ms, calls, serial)));
});

app.get('/db', async (request, reply) => {
  const ms = params.ms(request.query.ms);
  return send(reply, responses.queried(ms, await work.db(ms)));
});

app.get('/disk', async (request, reply) => {
  const kib = params.diskKib(request.query.kib);
  const inline = params.inline(request.query.inline);
  return send(reply, responses.stored(kib, await work.disk(kib, inline)));
});

app.post('/upload', anyBody, async (request, reply) => {
  const length = params.contentLength(request.headers['content-length']);
  return send(reply, responses.received(length, await work.upload(request.raw)));
});

app.get('/download', async (request, reply) => {
  const kib = params.downloadKib(request.query.kib);
  return reply.headers({ 'content-type': responses.BYTES, 'content-length': kib * 1024 }).send(work.download(kib));
});

app.get('/cpu', async (request, reply) => {
  const ksteps = params.ksteps(request.query.ksteps);
  const inline = params.inline(request.query.inline);
  return send(reply, responses.computed(ksteps, await work.cpu(ksteps, inline)));
});

app.setErrorHandler((error, request, reply) => {
  if (error instanceof responses.Refusal) {
    return refuse(reply, error.status, responses.problem(error.status, error.message));
  }
  console.error(error);
  return refuse(reply, 500, responses.SERVER_ERROR);
});

app.setNotFoundHandler(anyBody, (request, reply) => {
  const method = methods.get(pathOf(request.url));
  if (method === undefined) {
    return refuse(reply, 404, responses.NOT_FOUND);
  }
  return refuse(reply.header('allow', method), 405, responses.METHOD_NOT_ALLOWED);
});
