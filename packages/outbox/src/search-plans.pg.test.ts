import { searchPlansContract } from './search-plans.contract.ts'

searchPlansContract(0, false)
searchPlansContract(1_000, false)
searchPlansContract(1_000, true)
