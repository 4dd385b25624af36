import { timestampedWindowStore } from './window-store.ts'
import { windowStoreContract } from './window-store.contract.ts'

windowStoreContract('window store in memory', timestampedWindowStore)
