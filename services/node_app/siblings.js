// The other processes of a cluster, for a worker. It gets messages only from the first process.

import { EventEmitter, once } from 'node:events';

import { giveBack } from './memory.js';

const messages = new EventEmitter();
process.on('message', ({ about, value }) => messages.emit(about, value));

// The backlog of the listener, which belongs to the first process.
export const backlog = once(messages, 'backlog').then(([value]) => value);

// Resolves when all have given back free memory, so that none is busy with it when a trial begins.
export async function giveBackAll() {
  giveBack();
  const done = once(messages, 'all gave back');
  process.send({ about: 'give back' });
  await done;
}

messages.on('give back', (asker) => {
  giveBack();
  process.send({ about: 'gave back', value: asker });
});
