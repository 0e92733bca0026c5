"""The proleptic Gregorian calendar by days since 1970, for any year.

Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms"; ISO 8601 for weeks and quarters.
"""

from __future__ import annotations


def day_of(year: int, month: int, day: int) -> int:
    """The day of a date; fields beyond their range are not looked at."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def date_of(day: int) -> tuple[int, int, int]:
    """Year, month and day of the month."""
    day += 719_468
    era = day // 146_097
    of_era = day - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    number = month + (3 if month < 10 else -9)
    return year + era * 400 + (number <= 2), number, of_year - (153 * month + 2) // 5 + 1


def days_in_month(year: int, month: int) -> int:
    """28 to 31."""
    return day_of(year + month // 12, month % 12 + 1, 1) - day_of(year, month, 1)


def days_in_year(year: int) -> int:
    """365 or 366."""
    return day_of(year + 1, 1, 1) - day_of(year, 1, 1)


def weekday(day: int) -> int:
    """1 for Monday to 7 for Sunday."""
    return (day + 3) % 7 + 1


def week_of(day: int) -> tuple[int, int]:
    """The year of a day's week and the number of the week in it."""
    thursday = day - weekday(day) + 4
    year = date_of(thursday)[0]
    return year, (thursday - day_of(year, 1, 1)) // 7 + 1


def day_of_week(year: int, week: int, number: int) -> int:
    """The day of a week date."""
    fourth = day_of(year, 1, 4)  # always in the first week
    return fourth - weekday(fourth) + 1 + 7 * (week - 1) + number - 1


def weeks_in_year(year: int) -> int:
    """52 or 53."""
    return week_of(day_of(year, 12, 28))[1]


def plus_months(day: int, months: int) -> int:
    """The same day of another month, or its last one where it is shorter."""
    year, month, number = date_of(day)
    total = year * 12 + month - 1 + months
    year, month = total // 12, total % 12 + 1
    return day_of(year, month, min(number, days_in_month(year, month)))
