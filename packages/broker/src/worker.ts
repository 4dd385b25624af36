import { enableCompileCache } from 'node:module'

// As in `main.ts`: from the second start on Node need not strip and compile what the broker consists of.
enableCompileCache()
await import('./worker-thread.ts')
