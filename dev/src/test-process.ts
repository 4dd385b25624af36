/** Loaded into each process of a test file (`--import`) by test-tiers.ts. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isMainThread } from 'node:worker_threads'

const limitMs = 20 * 60_000
const dayMs = 86_400_000
const midnightMarginMs = 180_000

if (isMainThread && process.env['NODE_TEST_CONTEXT'] !== undefined) {
  await beAwayFromMidnight()
  endWhenKept()
  endAtOnce()
}

/** Tests of days count by the clock of the database as well, and none of them is to run over a midnight of UTC: a file that would begins after it. */
async function beAwayFromMidnight(): Promise<void> {
  const leftMs = dayMs - (Date.now() % dayMs)
  if (leftMs < midnightMarginMs) await sleep(leftMs + 1_000)
}

/**
 * A test that times out fails and is named by node's runner, but what it left open keeps its process, and the run waits for that for ever: so the
 * process ends itself, says what kept it, and its servers end with it.
 */
function endWhenKept(): void {
  const limit = setTimeout(() => {
    const kept = new Set(process.getActiveResourcesInfo())
    process.stderr.write(
      `${process.argv[1]} still ran after ${limitMs} ms and is ended. It was kept by: ${[...kept].join(', ')}\n`,
    )
    process.exit(1)
  }, limitMs)
  limit.unref()
}

/**
 * Node 24 may not come to an end once its event loop has: seen is its main thread turning in `Environment::CleanupHandles` for ever, where no timer and no
 * signal handler of ours runs any more, so that the runner waits for ever. `process.exit` does without that part; as the last listener, for the
 * test runner has its own.
 */
function endAtOnce(): void {
  const end = (): void => process.exit()
  process.on('beforeExit', () => {
    process.off('exit', end)
    process.on('exit', end)
  })
}
