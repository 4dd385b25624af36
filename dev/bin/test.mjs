// Runs one tier of the tests with node's own runner. `npm test -- packages/outbox` narrows it to paths that contain the words given.
import { runOnNode24 } from './node24.mjs'

await runOnNode24(new URL('../src/test-tiers.ts', import.meta.url))
