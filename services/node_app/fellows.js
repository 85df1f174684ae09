// The other processes of a cluster, as a worker sees them: it hears of them from the first process alone.

import { EventEmitter, once } from 'node:events';

import { giveBack } from './memory.js';

const heard = new EventEmitter();
process.on('message', ({ about, value }) => heard.emit(about, value));

// Of the listener, which the first process has.
export const backlog = once(heard, 'backlog').then(([value]) => value);

// Done when all have given back what memory is free, so that none still works at it when a trial begins.
export async function giveBackAll() {
  giveBack();
  const done = once(heard, 'all gave back');
  process.send({ about: 'give back' });
  await done;
}

heard.on('give back', (asker) => {
  giveBack();
  process.send({ about: 'gave back', value: asker });
});
