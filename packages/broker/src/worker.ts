import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// As in `main.mjs`: from the second start on Node need not strip and compile what the broker consists of.
enableCompileCache(join(homedir(), '.cache', 'millrace', 'broker'))
await import('./worker-thread.ts')
