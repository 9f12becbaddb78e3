/** One attack and what it brings, measured twice: with the defence really switched off, and as the program is shipped. */
export interface Attack {
  readonly name: string
  /** What the attacker does. */
  readonly about: string
  /** What stands against it. */
  readonly defence: string
  /** What is counted: 0 is what somebody gets who does not attack, or does nothing at all. */
  readonly gain: string
  readonly measure: () => Promise<Gain>
}

export interface Gain {
  readonly without: number
  readonly with: number
  /** Figures behind the two. */
  readonly note?: string
}

/** What happened with the attack: a line of the table in the mechanism's README. */
export interface Measurement extends Omit<Attack, 'measure'>, Gain {}

export async function measureAll(attacks: readonly Attack[]): Promise<Measurement[]> {
  const measured: Measurement[] = []
  for (const {measure, ...attack} of attacks) measured.push({...attack, ...(await measure())})
  return measured
}
