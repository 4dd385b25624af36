import { joinWindowStoreContract } from './join-window-store.contract.ts'
import { inMemoryJoinWindowStore } from './join-window-store.ts'

joinWindowStoreContract('join window store in memory', inMemoryJoinWindowStore)
