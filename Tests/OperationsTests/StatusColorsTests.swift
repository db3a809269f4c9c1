import Foundation
import Testing

@testable import Operations

/// The style sheet's colours, by the contrast that people need (WCAG 2.2, success criteria 1.4.3 and 1.4.11).
@Suite struct StatusColorsTests {
    /// The definitions of one colour scheme.
    private func colors(_ style: Substring) -> [String: String] {
        Dictionary(
            style.matches(of: /--([a-z]+): #([0-9a-f]{6})/).map { (String($0.1), String($0.2)) },
            uniquingKeysWith: { first, _ in first })
    }

    /// Relative luminance (WCAG 2.2, Terms).
    private func luminance(_ color: String) -> Double {
        let number = Int(color, radix: 16) ?? 0
        let parts = [number >> 16 & 255, number >> 8 & 255, number & 255].map { part -> Double in
            let share = Double(part) / 255
            return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
        }
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }

    private func contrast(_ one: String, _ other: String) -> Double {
        let (left, right) = (self.luminance(one), self.luminance(other))
        return (max(left, right) + 0.05) / (min(left, right) + 0.05)
    }

    @Test("text and the edges of controls stand out in both schemes", arguments: [0, 1])
    func contrasts(scheme: Int) throws {
        let style = String(decoding: PackageResources.status_css, as: UTF8.self)
        let schemes = style.components(separatedBy: "prefers-color-scheme: dark")
        let colors = self.colors(schemes[scheme][...])
        #expect(schemes.count == 2 && colors.count == 15)
        let texts = ["text", "soft", "link", "busy", "idle", "opening", "waiting", "closing", "bad"]
        for background in ["page", "card", "head"] {
            let below = try #require(colors[background])
            for text in texts {
                let ratio = self.contrast(try #require(colors[text]), below)
                #expect(ratio >= 4.5, "\(text) on \(background): \(ratio)")
            }
        }
        for background in ["page", "card"] {
            for edge in ["edge", "focus"] {
                let ratio = self.contrast(try #require(colors[edge]), try #require(colors[background]))
                #expect(ratio >= 3, "\(edge) on \(background): \(ratio)")
            }
        }
    }
}
