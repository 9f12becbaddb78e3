/** The signed request that a submission came by, so that whoever is told of it need not take anybody's word for it. */
export const sql = `
ALTER TABLE submissions ADD COLUMN proof TEXT;
`
