// The constants of the ELBO that no gradient needs: normalisers of the log joint and of the entropy. Libraries differentiate the rest.

import { schools, type Workload } from "../../data.js";

const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI);

/** What is to be added to E[log joint without normalisers] + sum of log scales. */
export function constantOf({ model, dimension: D }: Workload): number {
  const entropy = D * (0.5 + HALF_LOG_2PI);
  switch (model) {
    case "toy":
      return entropy - 6 * HALF_LOG_2PI;
    case "schools": {
      const errors = schools.error.reduce<number>((sum, s) => sum + Math.log(s), 0);
      return entropy - 17 * HALF_LOG_2PI - Math.log(5) + Math.log(2 / (5 * Math.PI)) - errors;
    }
    case "logistic":
      return entropy - D * HALF_LOG_2PI;
  }
}
