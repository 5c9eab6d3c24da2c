import Observations

func shellQuoted(_ text: ForeignText) -> String { "'\(text.repaired)'" }
