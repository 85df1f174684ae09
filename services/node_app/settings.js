// The settings that the service gets from the program that starts it, read once from the environment.

const setting = (name, otherwise) => process.env[`WAITBENCH_${name}`] ?? otherwise;

export const settings = Object.freeze({
  variant: setting('VARIANT', 'unnamed'),
  framework: setting('FRAMEWORK', ''),
  model: setting('MODEL', 'event loop'),
  server: setting('SERVER', ''),
  databaseUrl: setting('DATABASE_URL', 'postgresql://waitbench@127.0.0.1:5432/waitbench'),
  upstreamUrl: setting('UPSTREAM_URL', 'http://127.0.0.1:8090'),
  dbPool: Number(setting('DB_POOL', '50')),
  upstreamConnections: Number(setting('UPSTREAM_CONNECTIONS', '1000')),
  workThreads: Number(setting('WORK_THREADS', '40')),
  // How much longer than the wait itself a dependency may take before the response is 503.
  dependencyGraceMs: Number(setting('DEPENDENCY_GRACE_S', '5')) * 1000,
  // Where the processes of one service keep their counts; '' means a folder of its own.
  stateDir: setting('STATE_DIR', ''),
  // Where /disk writes its files: on a real disk, because a folder in memory would prove nothing.
  scratchDir: setting('SCRATCH_DIR', '/var/tmp'),
});
