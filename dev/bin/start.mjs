import { runOnNode24 } from './node24.mjs'

await runOnNode24(new URL('../src/main.ts', import.meta.url))
