// Which ends of a wake are somebody's wish, and no fault of the service, of a vendor or of a phone: nobody is alarmed by
// them, and they say nothing of how well phones wake.

/** Reasons as the PBX hears them. `unavailable`: the person, or all of the account's phones, said no. */
const WISHES: ReadonlySet<string> = new Set(['caller-gone', 'unavailable'])

/** Whether the caller or the called person wanted it so. */
export const isPeoplesWish = (reason: string): boolean => WISHES.has(reason)

/** Whether an operator may want to look into it. */
export const isWakeFault = (reason: string): boolean => reason !== 'confirmed' && !isPeoplesWish(reason)
