import { searchPlansContract } from './search-plans.contract.ts'

searchPlansContract(1_000_000, true)
