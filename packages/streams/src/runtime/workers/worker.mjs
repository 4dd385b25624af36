import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'

// JavaScript, as the broker's: from the second start on Node neither strips nor compiles what a stream thread consists of (0.6 → 0.3 s of CPU
// each). In a directory of the user's own, since whoever can write there can run code here; NODE_COMPILE_CACHE goes before it.
enableCompileCache(join(homedir(), '.cache', 'millrace', 'streams'))
await import('./worker-main.ts')
