// What the service is told by whoever starts it, read once from the environment.

const told = (name, otherwise) => process.env[`WAITBENCH_${name}`] ?? otherwise;

export const settings = Object.freeze({
  variant: told('VARIANT', 'unnamed'),
  framework: told('FRAMEWORK', ''),
  model: told('MODEL', 'event loop'),
  server: told('SERVER', ''),
  databaseUrl: told('DATABASE_URL', 'postgresql://waitbench@127.0.0.1:5432/waitbench'),
  upstreamUrl: told('UPSTREAM_URL', 'http://127.0.0.1:8090'),
  dbPool: Number(told('DB_POOL', '50')),
  upstreamConnections: Number(told('UPSTREAM_CONNECTIONS', '1000')),
  workThreads: Number(told('WORK_THREADS', '40')),
  // How much longer than the wait itself a dependency may take before the answer is 503.
  dependencyGraceMs: Number(told('DEPENDENCY_GRACE_S', '5')) * 1000,
  // Where the processes of one service keep their counts; '' for a folder of its own.
  stateDir: told('STATE_DIR', ''),
  // Where /disk has its files: on a disk, since memory that looks like one would prove nothing.
  scratchDir: told('SCRATCH_DIR', '/var/tmp'),
});
