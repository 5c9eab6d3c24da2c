/// ANSI colours, or none.
struct Paint {
    enum Colour: String {
        case plain = ""
        case red = "31"
        case green = "32"
        case yellow = "33"
    }
    let isOn: Bool
    func callAsFunction(_ text: String, _ colour: Colour) -> String {
        isOn && colour != .plain ? "\u{1b}[1;\(colour.rawValue)m\(text)\u{1b}[0m" : text
    }
}
